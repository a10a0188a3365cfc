// PASS: drop_straight_through
// AFTER:       func.return %sign

func.func @main(%x: tensor<1x4x5x8xf32>) -> tensor<1x4x5x8xf32> {
  %sign = tfl.sign(%x) : tensor<1x4x5x8xf32>
  %negated = tfl.neg(%x) : tensor<1x4x5x8xf32>
  %difference = tfl.add(%negated, %sign) {fusedActivationFunction = none} : tensor<1x4x5x8xf32>
  %sum = tfl.add(%x, %difference) {fusedActivationFunction = none} : tensor<1x4x5x8xf32>
  func.return %sum : tensor<1x4x5x8xf32>
}
