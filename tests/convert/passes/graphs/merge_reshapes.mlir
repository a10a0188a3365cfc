// PASS: merge_reshapes
// AFTER-NOT:   tensor<1x40xf32>
// AFTER:       tfl.reshape(%x, {{.*}} : tensor<1x8x5xf32>

func.func @main(%x: tensor<1x2x20xf32>) -> tensor<1x8x5xf32> {
  %0 = tfl.const() {[1, 40]} : tensor<2xi32>
  %reshape = tfl.reshape(%x, %0) : tensor<1x40xf32>
  %1 = tfl.const() {[1, 8, 5]} : tensor<3xi32>
  %reshape_1 = tfl.reshape(%reshape, %1) : tensor<1x8x5xf32>
  func.return %reshape_1 : tensor<1x8x5xf32>
}
