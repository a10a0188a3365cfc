// PASS: fold_constants
// AFTER-NOT:   tfl.{{sign|abs|mean|mul|transpose}}(
// AFTER:       [[FILTER:%[a-z0-9_]+]] = tfl.const() {{.*}} : tensor<8x3x3x32xf32>
// AFTER:       tfl.conv_2d(%x, [[FILTER]],

func.func @main(%x: tensor<1x5x5x32xf32>) -> tensor<1x3x3x8xf32> {
  %0 = tfl.const() {blob "normal"} : tensor<3x3x32x8xf32>
  %1 = tfl.const() {[0, 1, 2]} : tensor<3xi32>
  %abs = tfl.abs(%0) : tensor<3x3x32x8xf32>
  %mean = tfl.mean(%abs, %1) {keepDims = true} : tensor<1x1x1x8xf32>
  %sign = tfl.sign(%0) : tensor<3x3x32x8xf32>
  %2 = tfl.const() {0.1} : tensor<f32>
  %add = tfl.add(%sign, %2) : tensor<3x3x32x8xf32>
  %sign_1 = tfl.sign(%add) : tensor<3x3x32x8xf32>
  %mul = tfl.mul(%sign_1, %mean) : tensor<3x3x32x8xf32>
  %3 = tfl.const() {[0, 0, 0, 0, 0, 0, 0, 0]} : tensor<8xf32>
  %4 = tfl.const() {[3, 0, 1, 2]} : tensor<4xi32>
  %transpose = tfl.transpose(%mul, %4) : tensor<8x3x3x32xf32>
  %conv_2d = tfl.conv_2d(%x, %transpose, %3) {padding = valid, strideW = 1, strideH = 1} : tensor<1x3x3x8xf32>
  func.return %conv_2d : tensor<1x3x3x8xf32>
}
