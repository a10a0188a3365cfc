// PASS: center_two_values
// AFTER-NOT:   tfl.{{mul|add}}
// AFTER:       %bits = lq.Quantize(%x)
// AFTER-NEXT:  [[S:%[a-z0-9_]+]] = lq.Dequantize(%bits)
// AFTER:       tfl.conv_2d([[S]], %filter, %bias)

func.func @main(%x: tensor<1x5x5x32xf32>) -> tensor<1x3x3x8xf32> {
  %0 = tfl.const() {0} : tensor<f32>
  %greater_equal = tfl.greater_equal(%x, %0) : tensor<1x5x5x32xi1>
  %cast = tfl.cast(%greater_equal) : tensor<1x5x5x32xf32>
  %1 = tfl.const() {blob "signs * 2"} : tensor<8x3x3x32xf32>
  %2 = tfl.const() {[0, 0, 0, 0, 0, 0, 0, 0]} : tensor<8xf32>
  %conv_2d = tfl.conv_2d(%cast, %1, %2) {padding = valid, strideW = 1, strideH = 1} : tensor<1x3x3x8xf32>
  func.return %conv_2d : tensor<1x3x3x8xf32>
}
