// PASS: drop_straight_through
// AFTER-NOT:   tfl.sub
// AFTER:       func.return %sign

func.func @main(%x: tensor<1x4x5x8xf32>) -> tensor<1x4x5x8xf32> {
  %sign = tfl.sign(%x) : tensor<1x4x5x8xf32>
  %clip = tfl.relu_n1_to_1(%x) : tensor<1x4x5x8xf32>
  %difference = tfl.sub(%sign, %clip) {fusedActivationFunction = none} : tensor<1x4x5x8xf32>
  %sum = tfl.add(%difference, %clip) {fusedActivationFunction = none} : tensor<1x4x5x8xf32>
  func.return %sum : tensor<1x4x5x8xf32>
}
