// PASS: fold_one_padding
// AFTER:       [[SIGN:%[a-z0-9_]+]] = lq.Dequantize
// AFTER:       [[BITS:%bits[_0-9]*]] = lq.Quantize([[SIGN]])
// AFTER:       lq.Bconv2d([[BITS]], {{.*}} padding = same, pad_values = 1

func.func @main(%x: tensor<1x5x5x32xf32>) -> tensor<1x5x5x8xf32> {
  %bits = lq.Quantize(%x) : tensor<1x5x5x1xi32>
  %sign = lq.Dequantize(%bits) : tensor<1x5x5x32xf32>
  %0 = tfl.const() {[[0, 0], [1, 1], [1, 1], [0, 0]]} : tensor<4x2xi32>
  %1 = tfl.const() {1} : tensor<f32>
  %padv2 = tfl.padv2(%sign, %0, %1) : tensor<1x7x7x32xf32>
  %bits_1 = lq.Quantize(%padv2) : tensor<1x7x7x1xi32>
  %filter = tfl.const() {blob "signs"} : tensor<8x3x3x32xf32>
  %multiplier = tfl.const() {[1, 1, 1, 1, 1, 1, 1, 1]} : tensor<8xf32>
  %bias = tfl.const() {[0, 0, 0, 0, 0, 0, 0, 0]} : tensor<8xf32>
  %absent = tfl.no_value() : none
  %conv_2d = lq.Bconv2d(%bits_1, %filter, %multiplier, %bias, %absent) {channels_in = 32} : tensor<1x5x5x8xf32>
  func.return %conv_2d : tensor<1x5x5x8xf32>
}
