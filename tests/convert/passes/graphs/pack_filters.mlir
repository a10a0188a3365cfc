// PASS: pack_filters
// AFTER:       [[WORDS:%[a-z0-9_]+]] = tfl.const() {{.*}} : tensor<8x3x3x2xi32>
// AFTER-NEXT:  lq.Bconv2d(%bits, [[WORDS]],

func.func @main(%x: tensor<1x5x5x40xf32>) -> tensor<1x3x3x8xf32> {
  %bits = lq.Quantize(%x) : tensor<1x5x5x2xi32>
  %filter = tfl.const() {blob "signs"} : tensor<8x3x3x40xf32>
  %multiplier = tfl.const() {[1, 1, 1, 1, 1, 1, 1, 1]} : tensor<8xf32>
  %bias = tfl.const() {[0, 0, 0, 0, 0, 0, 0, 0]} : tensor<8xf32>
  %absent = tfl.no_value() : none
  %conv_2d = lq.Bconv2d(%bits, %filter, %multiplier, %bias, %absent) {channels_in = 40} : tensor<1x3x3x8xf32>
  func.return %conv_2d : tensor<1x3x3x8xf32>
}
