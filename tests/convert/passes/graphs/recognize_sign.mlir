// PASS: recognize_sign
// AFTER:       %bits = lq.Quantize(%x) : tensor<1x5x5x1xi32>
// AFTER-NEXT:  lq.Dequantize(%bits) : tensor<1x5x5x32xf32>

func.func @main(%x: tensor<1x5x5x32xf32>) -> tensor<1x5x5x32xf32> {
  %sign = tfl.sign(%x) : tensor<1x5x5x32xf32>
  %0 = tfl.const() {0.1} : tensor<f32>
  %add = tfl.add(%sign, %0) : tensor<1x5x5x32xf32>
  %sign_1 = tfl.sign(%add) : tensor<1x5x5x32xf32>
  func.return %sign_1 : tensor<1x5x5x32xf32>
}
