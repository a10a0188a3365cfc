// PASS: quantize_before_concat
// AFTER:       lq.Quantize({{.*}} : tensor<1x2x2x1xi32>
// AFTER-NEXT:  lq.Quantize(%x) : tensor<1x2x2x2xi32>
// AFTER-NEXT:  tfl.concatenation({{.*}} : tensor<1x2x2x3xi32>

func.func @main(%x: tensor<1x2x2x40xf32>) -> tensor<1x2x2x72xf32> {
  %0 = tfl.const() {[0, 0, 0, 3]} : tensor<4xi32>
  %1 = tfl.const() {[1, 2, 2, 32]} : tensor<4xi32>
  %slice = tfl.slice(%x, %0, %1) : tensor<1x2x2x32xf32>
  %concatenation = tfl.concatenation(%slice, %x) {axis = 3} : tensor<1x2x2x72xf32>
  %bits = lq.Quantize(%concatenation) : tensor<1x2x2x3xi32>
  %sign = lq.Dequantize(%bits) : tensor<1x2x2x72xf32>
  func.return %sign : tensor<1x2x2x72xf32>
}
