// PASS: round_before_sign
// AFTER:       [[VALUE:%[a-z0-9_]+]] = tfl.mul(%x,
// AFTER-NEXT:  %half_step = tfl.const() {0.125} : tensor<f32>
// AFTER-NEXT:  [[SUM:%[a-z0-9_]+]] = tfl.add([[VALUE]], %half_step)
// AFTER-NEXT:  lq.Quantize([[SUM]])

func.func @main(%x: tensor<1x5x5x32xf32>) -> tensor<1x5x5x32xf32> {
  %0 = tfl.const() {2} : tensor<f32>
  %mul = tfl.mul(%x, %0) : tensor<1x5x5x32xf32>
  %quantize = tfl.quantize(%mul) : tensor<1x5x5x32xi8, #tfl.quant<0.25 * q>>
  %dequantize = tfl.dequantize(%quantize) : tensor<1x5x5x32xf32>
  %bits = lq.Quantize(%dequantize) : tensor<1x5x5x1xi32>
  %sign = lq.Dequantize(%bits) : tensor<1x5x5x32xf32>
  func.return %sign : tensor<1x5x5x32xf32>
}
