// PASS: pad_groups
// AFTER:       [[APART:%[a-z0-9_]+]] = tfl.reshape({{.*}} : tensor<1x5x5x2x14xf32>
// AFTER:       [[MORE:%[a-z0-9_]+]] = tfl.padv2([[APART]], %paddings, %one)
// AFTER-SAME:  tensor<1x5x5x2x32xf32>
// AFTER:       [[JOINED:%[a-z0-9_]+]] = tfl.reshape([[MORE]], {{.*}} : tensor<1x5x5x64xf32>
// AFTER-NEXT:  %filter = tfl.const() {{.*}} : tensor<8x3x3x32xf32>
// AFTER:       tfl.conv_2d([[JOINED]], %filter, %bias) {padding = same,

func.func @main(%x: tensor<1x5x5x28xf32>) -> tensor<1x5x5x8xf32> {
  %bits = lq.Quantize(%x) : tensor<1x5x5x1xi32>
  %sign = lq.Dequantize(%bits) : tensor<1x5x5x28xf32>
  %0 = tfl.const() {blob "signs"} : tensor<8x3x3x14xf32>
  %1 = tfl.const() {[0, 0, 0, 0, 0, 0, 0, 0]} : tensor<8xf32>
  %conv_2d = tfl.conv_2d(%sign, %0, %1) {padding = same, strideW = 1, strideH = 1} : tensor<1x5x5x8xf32>
  func.return %conv_2d : tensor<1x5x5x8xf32>
}
