// PASS: cancel_transposes
// AFTER-NOT:   tfl.transpose
// AFTER:       tfl.greater_equal(%x, {{.*}} : tensor<1x4x5x8xi1>
// AFTER:       tfl.select_v2({{.*}} : tensor<1x4x5x8xf32>
// AFTER:       tfl.const() {{.*}} : tensor<1x1x1x8xf32>
// AFTER:       tfl.mul({{.*}} : tensor<1x4x5x8xf32>

func.func @main(%x: tensor<1x4x5x8xf32>) -> tensor<1x4x5x8xf32> {
  %0 = tfl.const() {0} : tensor<f32>
  %1 = tfl.const() {1} : tensor<f32>
  %2 = tfl.const() {-1} : tensor<f32>
  %3 = tfl.const() {[0, 3, 1, 2]} : tensor<4xi32>
  %4 = tfl.const() {[0, 2, 3, 1]} : tensor<4xi32>
  %scale = tfl.const() {blob "normal"} : tensor<1x8x1x1xf32>
  %first = tfl.transpose(%x, %3) : tensor<1x8x4x5xf32>
  %at_least = tfl.greater_equal(%first, %0) : tensor<1x8x4x5xi1>
  %sign = tfl.select_v2(%at_least, %1, %2) : tensor<1x8x4x5xf32>
  %scaled = tfl.mul(%sign, %scale) {fusedActivationFunction = none} : tensor<1x8x4x5xf32>
  %second = tfl.transpose(%scaled, %4) : tensor<1x4x5x8xf32>
  func.return %second : tensor<1x4x5x8xf32>
}
