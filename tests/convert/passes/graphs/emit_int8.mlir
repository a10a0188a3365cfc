// PASS: emit_int8
// AFTER:       [[CONV:%[a-z0-9_]+]] = lq.Bconv2d({{.*}} : tensor<1x3x3x8xi8, #tfl.quant<4 * q>>
// AFTER-NEXT:  tfl.dequantize([[CONV]])

func.func @main(%x: tensor<1x5x5x32xf32>) -> tensor<1x3x3x8xf32> {
  %bits = lq.Quantize(%x) : tensor<1x5x5x1xi32>
  %filter = tfl.const() {blob "signs"} : tensor<8x3x3x32xf32>
  %multiplier = tfl.const() {[1, 1, 1, 1, 1, 1, 1, 1]} : tensor<8xf32>
  %bias = tfl.const() {[1, 1, 1, 1, 1, 1, 1, 1]} : tensor<8xf32>
  %absent = tfl.no_value() : none
  %conv_2d = lq.Bconv2d(%bits, %filter, %multiplier, %bias, %absent) {channels_in = 32} : tensor<1x3x3x8xf32>
  %quantize = tfl.quantize(%conv_2d) : tensor<1x3x3x8xi8, #tfl.quant<4 * q>>
  %dequantize = tfl.dequantize(%quantize) : tensor<1x3x3x8xf32>
  func.return %dequantize : tensor<1x3x3x8xf32>
}
