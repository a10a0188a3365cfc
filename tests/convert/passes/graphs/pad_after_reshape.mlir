// PASS: pad_after_reshape
// AFTER:       [[IMAGE:%[a-z0-9_]+]] = tfl.reshape({{.*}} : tensor<1x1x6x40xf32>
// AFTER-NEXT:  %paddings = tfl.const() {{.*}} : tensor<4x2xi32>
// AFTER-NEXT:  tfl.pad([[IMAGE]], %paddings)

func.func @main(%x: tensor<1x6x40xf32>) -> tensor<1x1x9x40xf32> {
  %0 = tfl.const() {[[0, 0], [2, 1], [0, 0]]} : tensor<3x2xi32>
  %bits = lq.Quantize(%x) : tensor<1x6x2xi32>
  %sign = lq.Dequantize(%bits) : tensor<1x6x40xf32>
  %pad = tfl.pad(%sign, %0) : tensor<1x9x40xf32>
  %1 = tfl.const() {[1, 1, 9, 40]} : tensor<4xi32>
  %reshape = tfl.reshape(%pad, %1) : tensor<1x1x9x40xf32>
  func.return %reshape : tensor<1x1x9x40xf32>
}
