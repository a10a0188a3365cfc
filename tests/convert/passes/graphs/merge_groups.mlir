// PASS: merge_groups
// AFTER-NOT:   tfl.split
// AFTER:       [[FILTER:%[a-z0-9_]+]] = tfl.const() {{.*}} : tensor<10x3x3x4xf32>
// AFTER:       tfl.const() {{.*}} : tensor<10xf32>
// AFTER:       tfl.conv_2d(%x, [[FILTER]], {{.*}}) {padding = same, strideW = 2, strideH = 1,
// AFTER-NOT:   tfl.concatenation

func.func @main(%x: tensor<1x6x6x8xf32>) -> tensor<1x6x3x10xf32> {
  %axis = tfl.const() {3} : tensor<i32>
  %a, %b = tfl.split(%axis, %x) {numSplits = 2} : tensor<1x6x6x4xf32>, tensor<1x6x6x4xf32>
  %0 = tfl.const() {blob "normal"} : tensor<5x3x3x4xf32>
  %1 = tfl.const() {blob "normal * 2"} : tensor<5x3x3x4xf32>
  %2 = tfl.const() {blob "normal"} : tensor<5xf32>
  %3 = tfl.const() {blob "uniform"} : tensor<5xf32>
  %c = tfl.conv_2d(%a, %0, %2) {padding = same, strideW = 2, strideH = 1, fusedActivationFunction = relu} : tensor<1x6x3x5xf32>
  %d = tfl.conv_2d(%b, %1, %3) {padding = same, strideW = 2, strideH = 1, fusedActivationFunction = relu} : tensor<1x6x3x5xf32>
  %joined = tfl.concatenation(%c, %d) {axis = 3} : tensor<1x6x3x10xf32>
  func.return %joined : tensor<1x6x3x10xf32>
}
