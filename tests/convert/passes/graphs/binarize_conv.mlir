// PASS: binarize_conv
// AFTER:       [[SIGN:%[a-z0-9_]+]] = lq.Dequantize
// AFTER:       [[BITS:%bits[_0-9]*]] = lq.Quantize([[SIGN]]) : tensor<1x5x5x1xi32>
// AFTER:       %multiplier = tfl.const() {[0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]}
// AFTER:       lq.Bconv2d([[BITS]], %filter, %multiplier, %bias, %absent) {channels_in = 32,
// AFTER-SAME:  padding = valid, pad_values = 0, fused_activation_function = relu}
// AFTER-NOT:   tfl.relu

func.func @main(%x: tensor<1x5x5x32xf32>) -> tensor<1x3x3x8xf32> {
  %bits = lq.Quantize(%x) : tensor<1x5x5x1xi32>
  %sign = lq.Dequantize(%bits) : tensor<1x5x5x32xf32>
  %0 = tfl.const() {blob "signs * 0.5"} : tensor<8x3x3x32xf32>
  %1 = tfl.const() {[0, 0, 0, 0, 0, 0, 0, 0]} : tensor<8xf32>
  %conv_2d = tfl.conv_2d(%sign, %0, %1) {padding = valid, strideW = 1, strideH = 1, fusedActivationFunction = relu} : tensor<1x3x3x8xf32>
  func.return %conv_2d : tensor<1x3x3x8xf32>
}
