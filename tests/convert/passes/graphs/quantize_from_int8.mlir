// PASS: quantize_from_int8
// AFTER:       [[SMALL:%[a-z0-9_]+]] = tfl.quantize(%x)
// AFTER-NEXT:  lq.Quantize([[SMALL]])

func.func @main(%x: tensor<1x5x5x32xf32>) -> tensor<1x5x5x32xf32> {
  %quantize = tfl.quantize(%x) : tensor<1x5x5x32xi8, #tfl.quant<0.25 * (q - 13)>>
  %dequantize = tfl.dequantize(%quantize) : tensor<1x5x5x32xf32>
  %bits = lq.Quantize(%dequantize) : tensor<1x5x5x1xi32>
  %sign = lq.Dequantize(%bits) : tensor<1x5x5x32xf32>
  func.return %sign : tensor<1x5x5x32xf32>
}
