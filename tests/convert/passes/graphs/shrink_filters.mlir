// PASS: shrink_filters
// AFTER:       %levels = tfl.const() {{.*}} : tensor<8x3x3x32xi8
// AFTER-NEXT:  %filter = tfl.dequantize(%levels) : tensor<8x3x3x32xf32>
// AFTER-NEXT:  tfl.conv_2d(%x, %filter,

func.func @main(%x: tensor<1x5x5x32xf32>) -> tensor<1x3x3x8xf32> {
  %0 = tfl.const() {blob "signs * 0.333333"} : tensor<8x3x3x32xf32>
  %1 = tfl.const() {[0, 0, 0, 0, 0, 0, 0, 0]} : tensor<8xf32>
  %conv_2d = tfl.conv_2d(%x, %0, %1) {padding = valid, strideW = 1, strideH = 1} : tensor<1x3x3x8xf32>
  func.return %conv_2d : tensor<1x3x3x8xf32>
}
