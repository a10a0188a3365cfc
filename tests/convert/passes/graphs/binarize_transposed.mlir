// PASS: binarize_other_convs, lce_compatible = false
// AFTER:       %bits{{[_0-9]*}} = lq.Quantize(
// AFTER:       lq.Transpose2d({{.*}} {channels_in = 32, output_height = 10, output_width = 10,
// AFTER-SAME:  stride_height = 2, stride_width = 2, padding = same
// AFTER-SAME:  tensor<1x10x10x8xf32>
// AFTER-NOT:   tfl.transpose_conv

func.func @main(%x: tensor<1x5x5x32xf32>) -> tensor<1x10x10x8xf32> {
  %0 = tfl.const() {[1, 10, 10, 8]} : tensor<4xi32>
  %1 = tfl.const() {blob "signs"} : tensor<8x3x3x32xf32>
  %bits = lq.Quantize(%x) : tensor<1x5x5x1xi32>
  %sign = lq.Dequantize(%bits) : tensor<1x5x5x32xf32>
  %transpose_conv = tfl.transpose_conv(%0, %1, %sign) {padding = same, strideW = 2, strideH = 2} : tensor<1x10x10x8xf32>
  func.return %transpose_conv : tensor<1x10x10x8xf32>
}
