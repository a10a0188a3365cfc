// PASS: fuse_scale
// AFTER:       [[M:%multiplier[_0-9]*]] = tfl.const() {[-2, -2, -2, -2, -2, -2, -2, -2]}
// AFTER:       [[B:%bias[_0-9]*]] = tfl.const() {[3, 3, 3, 3, 3, 3, 3, 3]}
// AFTER:       lq.Bconv2d({{.*}}, [[M]], [[B]], %absent)
// AFTER-NOT:   tfl.{{mul|add}}

func.func @main(%x: tensor<1x5x5x32xf32>) -> tensor<1x3x3x8xf32> {
  %bits = lq.Quantize(%x) : tensor<1x5x5x1xi32>
  %filter = tfl.const() {blob "signs"} : tensor<8x3x3x32xf32>
  %multiplier = tfl.const() {[1, 1, 1, 1, 1, 1, 1, 1]} : tensor<8xf32>
  %bias = tfl.const() {[0, 0, 0, 0, 0, 0, 0, 0]} : tensor<8xf32>
  %absent = tfl.no_value() : none
  %conv_2d = lq.Bconv2d(%bits, %filter, %multiplier, %bias, %absent) {channels_in = 32} : tensor<1x3x3x8xf32>
  %0 = tfl.const() {-2} : tensor<f32>
  %mul = tfl.mul(%conv_2d, %0) : tensor<1x3x3x8xf32>
  %1 = tfl.const() {[3, 3, 3, 3, 3, 3, 3, 3]} : tensor<8xf32>
  %add = tfl.add(%mul, %1) : tensor<1x3x3x8xf32>
  func.return %add : tensor<1x3x3x8xf32>
}
