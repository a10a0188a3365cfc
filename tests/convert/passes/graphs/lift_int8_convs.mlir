// PASS: lift_int8_convs
// AFTER:       [[SIGN:%[a-z0-9_]+]] = lq.Dequantize
// AFTER:       [[CONV:%[a-z0-9_]+]] = tfl.conv_2d([[SIGN]], {{.*}} : tensor<1x3x3x8xf32>
// AFTER-NEXT:  tfl.quantize([[CONV]]) : tensor<1x3x3x8xi8

func.func @main(%x: tensor<1x5x5x32xf32>) -> tensor<1x3x3x8xf32> {
  %bits = lq.Quantize(%x) : tensor<1x5x5x1xi32>
  %sign = lq.Dequantize(%bits) : tensor<1x5x5x32xf32>
  %quantize = tfl.quantize(%sign) : tensor<1x5x5x32xi8, #tfl.quant<0.007874016 * q>>
  %filter = tfl.const() {blob "signs * 127"} : tensor<8x3x3x32xi8, #tfl.quant<0.007874016 * q>>
  %bias = tfl.const() {[16129, 48387, 80645, 112903, 145161, 177419, 209677, 241935]} : tensor<8xi32, #tfl.quant<6.200012e-05 * q>>
  %conv_2d = tfl.conv_2d(%quantize, %filter, %bias) {padding = valid, strideW = 1, strideH = 1} : tensor<1x3x3x8xi8, #tfl.quant<4 * q>>
  %dequantize = tfl.dequantize(%conv_2d) : tensor<1x3x3x8xf32>
  func.return %dequantize : tensor<1x3x3x8xf32>
}
