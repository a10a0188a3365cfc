// PASS: ternary_dense, lce_compatible = false
// AFTER:       %codes = tfl.const() {{.*}} : tensor<7x10xi8>
// AFTER-NEXT:  %scale = tfl.const() {[0.25]} : tensor<1xf32>
// AFTER-NEXT:  lq.TernaryDense(%x, %codes, %scale) {channels_in = 40, trits_per_byte = 4} : tensor<1x3x7xf32>
// AFTER-NEXT:  tfl.relu(
// AFTER-NOT:   tfl.fully_connected

func.func @main(%x: tensor<1x3x40xf32>) -> tensor<1x3x7xf32> {
  %abs = tfl.abs(%x) : tensor<1x3x40xf32>
  %axis = tfl.const() {[-1]} : tensor<1xi32>
  %max = tfl.reduce_max(%abs, %axis) {keepDims = true} : tensor<1x3x1xf32>
  %least = tfl.const() {1.0e-05} : tensor<f32>
  %largest = tfl.maximum(%max, %least) : tensor<1x3x1xf32>
  %127 = tfl.const() {127} : tensor<f32>
  %factor = tfl.div(%127, %largest) {fusedActivationFunction = none} : tensor<1x3x1xf32>
  %scaled = tfl.mul(%x, %factor) {fusedActivationFunction = none} : tensor<1x3x40xf32>
  %values = tfl.round(%scaled) : tensor<1x3x40xf32>
  %trits = tfl.const() {blob "trits"} : tensor<7x40xf32>
  %absent = tfl.no_value() : none
  %sums = tfl.fully_connected(%values, %trits, %absent) {fusedActivationFunction = none, keepNumDims = true} : tensor<1x3x7xf32>
  %step = tfl.const() {0.007874016} : tensor<f32>
  %by_step = tfl.mul(%largest, %step) {fusedActivationFunction = none} : tensor<1x3x1xf32>
  %s = tfl.const() {0.25} : tensor<f32>
  %by_scale = tfl.mul(%by_step, %s) {fusedActivationFunction = none} : tensor<1x3x1xf32>
  %y = tfl.mul(%sums, %by_scale) {fusedActivationFunction = relu} : tensor<1x3x7xf32>
  func.return %y : tensor<1x3x7xf32>
}
