// PASS: lift_int8_sign
// AFTER:       [[SIGN:%[a-z0-9_]+]] = tfl.sign(%x)
// AFTER:       tfl.const() {[0.5]} : tensor<1xf32>
// AFTER-NEXT:  tfl.add([[SIGN]], {{.*}} : tensor<1x5x5x32xf32>

func.func @main(%x: tensor<1x5x5x32xf32>) -> tensor<1x5x5x32xf32> {
  %sign = tfl.sign(%x) : tensor<1x5x5x32xf32>
  %quantize = tfl.quantize(%sign) : tensor<1x5x5x32xi8, #tfl.quant<0.25 * q>>
  %shift = tfl.const() {[2]} : tensor<1xi8, #tfl.quant<0.25 * q>>
  %add = tfl.add(%quantize, %shift) : tensor<1x5x5x32xi8, #tfl.quant<0.25 * q>>
  %dequantize = tfl.dequantize(%add) : tensor<1x5x5x32xf32>
  %sign_1 = tfl.sign(%dequantize) : tensor<1x5x5x32xf32>
  func.return %sign_1 : tensor<1x5x5x32xf32>
}
