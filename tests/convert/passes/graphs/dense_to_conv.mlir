// PASS: dense_to_conv
// AFTER:       [[IMAGE:%[a-z0-9_]+]] = tfl.reshape({{.*}} : tensor<1x1x1x40xf32>
// AFTER-NEXT:  tfl.const() {{.*}} : tensor<7x1x1x40xf32>
// AFTER:       tfl.conv_2d([[IMAGE]], {{.*}} : tensor<1x1x1x7xf32>
// AFTER:       tfl.reshape({{.*}} : tensor<1x7xf32>

func.func @main(%x: tensor<1x40xf32>) -> tensor<1x7xf32> {
  %0 = tfl.const() {blob "signs"} : tensor<7x40xf32>
  %bits = lq.Quantize(%x) : tensor<1x2xi32>
  %sign = lq.Dequantize(%bits) : tensor<1x40xf32>
  %1 = tfl.no_value() : none
  %fully_connected = tfl.fully_connected(%sign, %0, %1) : tensor<1x7xf32>
  func.return %fully_connected : tensor<1x7xf32>
}
