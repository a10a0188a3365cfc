// PASS: quantize_after_moves
// AFTER:       tfl.reshape({{.*}} : tensor<1x800xf32>
// AFTER-NEXT:  tfl.quantize({{.*}} : tensor<1x800xi8

func.func @main(%x: tensor<1x5x5x32xf32>) -> tensor<1x800xf32> {
  %bits = lq.Quantize(%x) : tensor<1x5x5x1xi32>
  %sign = lq.Dequantize(%bits) : tensor<1x5x5x32xf32>
  %quantize = tfl.quantize(%sign) : tensor<1x5x5x32xi8, #tfl.quant<0.007874016 * q>>
  %0 = tfl.const() {[1, 800]} : tensor<2xi32>
  %reshape = tfl.reshape(%quantize, %0) : tensor<1x800xi8, #tfl.quant<0.007874016 * q>>
  %dequantize = tfl.dequantize(%reshape) : tensor<1x800xf32>
  func.return %dequantize : tensor<1x800xf32>
}
