// PASS: binarize_other_convs, lce_compatible = false
// AFTER:       %bits{{[_0-9]*}} = lq.Quantize(
// AFTER:       lq.Depthwise2d({{.*}} {channels_in = 32, depth_multiplier = 2,
// AFTER-SAME:  padding = valid
// AFTER-SAME:  tensor<1x3x3x64xf32>
// AFTER-NOT:   tfl.depthwise_conv_2d

func.func @main(%x: tensor<1x5x5x32xf32>) -> tensor<1x3x3x64xf32> {
  %bits = lq.Quantize(%x) : tensor<1x5x5x1xi32>
  %sign = lq.Dequantize(%bits) : tensor<1x5x5x32xf32>
  %0 = tfl.const() {blob "signs * 0.5"} : tensor<1x3x3x64xf32>
  %1 = tfl.const() {blob "normal"} : tensor<64xf32>
  %depthwise_conv_2d = tfl.depthwise_conv_2d(%sign, %0, %1) {padding = valid, strideW = 1, strideH = 1, depthMultiplier = 2} : tensor<1x3x3x64xf32>
  func.return %depthwise_conv_2d : tensor<1x3x3x64xf32>
}
