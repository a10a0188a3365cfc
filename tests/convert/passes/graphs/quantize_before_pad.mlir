// PASS: quantize_before_pad
// AFTER:       %bits = lq.Quantize(%x)
// AFTER-NEXT:  [[WORD:%[a-z0-9_]+]] = tfl.const() {0} : tensor<i32>
// AFTER-NEXT:  tfl.padv2(%bits, {{.*}}, [[WORD]]) : tensor<1x3x6x2xi32>

func.func @main(%x: tensor<1x2x3x40xf32>) -> tensor<1x3x6x40xf32> {
  %0 = tfl.const() {[[0, 0], [1, 0], [2, 1], [0, 0]]} : tensor<4x2xi32>
  %1 = tfl.const() {2.5} : tensor<f32>
  %padv2 = tfl.padv2(%x, %0, %1) : tensor<1x3x6x40xf32>
  %bits = lq.Quantize(%padv2) : tensor<1x3x6x2xi32>
  %sign = lq.Dequantize(%bits) : tensor<1x3x6x40xf32>
  func.return %sign : tensor<1x3x6x40xf32>
}
