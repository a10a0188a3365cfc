// PASS: scale_before_pool
// AFTER:       [[CONV:%[a-z0-9_]+]] = lq.Bconv2d
// AFTER:       [[SCALED:%[a-z0-9_]+]] = tfl.mul([[CONV]],
// AFTER-NEXT:  tfl.max_pool_2d([[SCALED]])

func.func @main(%x: tensor<1x6x6x32xf32>) -> tensor<1x2x2x8xf32> {
  %bits = lq.Quantize(%x) : tensor<1x6x6x1xi32>
  %filter = tfl.const() {blob "signs"} : tensor<8x3x3x32xf32>
  %multiplier = tfl.const() {[1, 1, 1, 1, 1, 1, 1, 1]} : tensor<8xf32>
  %bias = tfl.const() {[0, 0, 0, 0, 0, 0, 0, 0]} : tensor<8xf32>
  %absent = tfl.no_value() : none
  %conv_2d = lq.Bconv2d(%bits, %filter, %multiplier, %bias, %absent) {channels_in = 32} : tensor<1x4x4x8xf32>
  %0 = tfl.const() {[1.1742535, 1.9026641, 0.6761877, 0.816191, 1.2270278, 1.7727813, 1.412288, 0.94177085]} : tensor<8xf32>
  %max_pool_2d = tfl.max_pool_2d(%conv_2d) {padding = valid, strideW = 2, strideH = 2, filterWidth = 2, filterHeight = 2} : tensor<1x2x2x8xf32>
  %mul = tfl.mul(%max_pool_2d, %0) : tensor<1x2x2x8xf32>
  func.return %mul : tensor<1x2x2x8xf32>
}
