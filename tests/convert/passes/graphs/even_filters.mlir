// PASS: even_filters
// AFTER:       tfl.const() {{{\[}}[0.25, -0.25, 0.25], [-0.5, -0.5, 0.5]]} : tensor<2x3xf32>
// AFTER:       tfl.fully_connected

func.func @main(%x: tensor<1x3xf32>) -> tensor<1x2xf32> {
  %weights = tfl.const() {[[0.25000003, -0.24999997, 0.25], [-0.5, -0.5, 0.5]]} : tensor<2x3xf32>
  %absent = tfl.no_value() : none
  %dense = tfl.fully_connected(%x, %weights, %absent) {fusedActivationFunction = none, keepNumDims = true} : tensor<1x2xf32>
  func.return %dense : tensor<1x2xf32>
}
