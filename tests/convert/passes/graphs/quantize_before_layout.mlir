// PASS: quantize_before_layout
// AFTER:       %bits = lq.Quantize(%x) : tensor<1x2x2x2xi32>
// AFTER:       tfl.reshape(%bits, {{.*}} : tensor<1x8xi32>

func.func @main(%x: tensor<1x2x2x64xf32>) -> tensor<1x256xf32> {
  %0 = tfl.const() {[1, 256]} : tensor<2xi32>
  %reshape = tfl.reshape(%x, %0) : tensor<1x256xf32>
  %bits = lq.Quantize(%reshape) : tensor<1x8xi32>
  %sign = lq.Dequantize(%bits) : tensor<1x256xf32>
  func.return %sign : tensor<1x256xf32>
}
