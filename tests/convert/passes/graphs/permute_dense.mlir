// PASS: permute_dense
// AFTER-NOT:   tfl.transpose
// AFTER:       tfl.abs(%x) : tensor<1x2x3x4xf32>
// AFTER:       tfl.reshape({{.*}} : tensor<1x24xf32>
// AFTER:       tfl.fully_connected({{.*}} : tensor<1x5xf32>

func.func @main(%x: tensor<1x2x3x4xf32>) -> tensor<1x5xf32> {
  %0 = tfl.const() {[0, 3, 1, 2]} : tensor<4xi32>
  %1 = tfl.const() {[1, 24]} : tensor<2xi32>
  %weights = tfl.const() {blob "normal"} : tensor<5x24xf32>
  %absent = tfl.no_value() : none
  %first = tfl.transpose(%x, %0) : tensor<1x4x2x3xf32>
  %values = tfl.abs(%first) : tensor<1x4x2x3xf32>
  %flat = tfl.reshape(%values, %1) : tensor<1x24xf32>
  %dense = tfl.fully_connected(%flat, %weights, %absent) {fusedActivationFunction = none, keepNumDims = true} : tensor<1x5xf32>
  func.return %dense : tensor<1x5xf32>
}
