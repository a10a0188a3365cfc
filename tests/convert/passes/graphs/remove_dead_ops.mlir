// PASS: remove_dead_ops
// AFTER-NOT:   tfl.relu
// AFTER:       tfl.abs(%x)

func.func @main(%x: tensor<1x5x5x32xf32>) -> tensor<1x5x5x32xf32> {
  %relu = tfl.relu(%x) : tensor<1x5x5x32xf32>
  %abs = tfl.abs(%x) : tensor<1x5x5x32xf32>
  func.return %abs : tensor<1x5x5x32xf32>
}
