// PASS: merge_quantizes
// AFTER:       [[BITS:%bits[_0-9]*]] = lq.Quantize(%x)
// AFTER-NEXT:  lq.Dequantize([[BITS]])
// AFTER-NOT:   lq.Quantize

func.func @main(%x: tensor<1x5x5x32xf32>) -> (tensor<1x5x5x32xf32>, tensor<1x5x5x32xf32>) {
  %bits = lq.Quantize(%x) : tensor<1x5x5x1xi32>
  %sign = lq.Dequantize(%bits) : tensor<1x5x5x32xf32>
  %bits_1 = lq.Quantize(%x) : tensor<1x5x5x1xi32>
  %sign_1 = lq.Dequantize(%bits_1) : tensor<1x5x5x32xf32>
  func.return %sign, %sign_1 : tensor<1x5x5x32xf32>, tensor<1x5x5x32xf32>
}
