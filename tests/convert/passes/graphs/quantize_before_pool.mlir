// PASS: quantize_before_pool
// AFTER:       %bits = lq.Quantize(%x) : tensor<1x6x6x2xi32>
// AFTER-NEXT:  %pooled_bits = lq.BMaxPool2d(%bits) {filter_height = 2, filter_width = 2,
// AFTER-NEXT:  lq.Dequantize(%pooled_bits)

func.func @main(%x: tensor<1x6x6x40xf32>) -> tensor<1x3x3x40xf32> {
  %max_pool_2d = tfl.max_pool_2d(%x) {padding = valid, strideW = 2, strideH = 2, filterWidth = 2, filterHeight = 2} : tensor<1x3x3x40xf32>
  %bits = lq.Quantize(%max_pool_2d) : tensor<1x3x3x2xi32>
  %sign = lq.Dequantize(%bits) : tensor<1x3x3x40xf32>
  func.return %sign : tensor<1x3x3x40xf32>
}
