// PASS: center_two_values
// AFTER:       [[MINUS:%[a-z0-9_]+]] = tfl.const() {-1} : tensor<f32>
// AFTER-NEXT:  %negated = tfl.mul(%x, [[MINUS]])
// AFTER-NEXT:  %bits = lq.Quantize(%negated)
// AFTER-NEXT:  [[S:%[a-z0-9_]+]] = lq.Dequantize(%bits)
// AFTER:       [[ONE:%[a-z0-9_]+]] = tfl.const() {1} : tensor<f32>
// AFTER-NEXT:  [[PAD:%[a-z0-9_]+]] = tfl.padv2([[S]], %paddings, [[ONE]])
// AFTER:       %bias = tfl.const()
// AFTER-NEXT:  tfl.conv_2d([[PAD]], %filter, %bias) {padding = valid,

func.func @main(%x: tensor<1x5x5x32xf32>) -> tensor<1x5x5x8xf32> {
  %relu = tfl.relu(%x) : tensor<1x5x5x32xf32>
  %sign = tfl.sign(%relu) : tensor<1x5x5x32xf32>
  %0 = tfl.const() {blob "signs"} : tensor<8x3x3x32xf32>
  %1 = tfl.const() {[1.1421312, -0.781639, -2.272522, -0.7309985, -2.008521, -0.03986885, 1.059158, 0.6477598]} : tensor<8xf32>
  %conv_2d = tfl.conv_2d(%sign, %0, %1) {padding = same, strideW = 1, strideH = 1} : tensor<1x5x5x8xf32>
  func.return %conv_2d : tensor<1x5x5x8xf32>
}
