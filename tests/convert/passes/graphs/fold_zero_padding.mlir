// PASS: fold_zero_padding
// AFTER:       [[SIGN:%[a-z0-9_]+]] = lq.Dequantize
// AFTER:       tfl.conv_2d([[SIGN]], {{.*}} {padding = same,

func.func @main(%x: tensor<1x5x5x32xf32>) -> tensor<1x5x5x8xf32> {
  %bits = lq.Quantize(%x) : tensor<1x5x5x1xi32>
  %sign = lq.Dequantize(%bits) : tensor<1x5x5x32xf32>
  %0 = tfl.const() {[[0, 0], [1, 1], [1, 1], [0, 0]]} : tensor<4x2xi32>
  %pad = tfl.pad(%sign, %0) : tensor<1x7x7x32xf32>
  %1 = tfl.const() {blob "signs"} : tensor<8x3x3x32xf32>
  %2 = tfl.const() {[0, 0, 0, 0, 0, 0, 0, 0]} : tensor<8xf32>
  %conv_2d = tfl.conv_2d(%pad, %1, %2) {padding = valid, strideW = 1, strideH = 1} : tensor<1x5x5x8xf32>
  func.return %conv_2d : tensor<1x5x5x8xf32>
}
