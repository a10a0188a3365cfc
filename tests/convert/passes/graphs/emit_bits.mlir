// PASS: emit_bits
// AFTER:       %threshold = tfl.const() {{.*}} : tensor<40xi32>
// AFTER:       [[CONV:%[a-z0-9_]+]] = lq.Bconv2d({{.*}} %threshold) {{.*}} : tensor<1x3x3x2xi32>
// AFTER-NEXT:  lq.Dequantize([[CONV]])

func.func @main(%x: tensor<1x5x5x32xf32>) -> tensor<1x3x3x40xf32> {
  %bits = lq.Quantize(%x) : tensor<1x5x5x1xi32>
  %filter = tfl.const() {blob "signs"} : tensor<40x3x3x32xf32>
  %multiplier = tfl.const() {blob "uniform"} : tensor<40xf32>
  %bias = tfl.const() {blob "normal"} : tensor<40xf32>
  %absent = tfl.no_value() : none
  %conv_2d = lq.Bconv2d(%bits, %filter, %multiplier, %bias, %absent) {channels_in = 32} : tensor<1x3x3x40xf32>
  %bits_1 = lq.Quantize(%conv_2d) : tensor<1x3x3x2xi32>
  %sign = lq.Dequantize(%bits_1) : tensor<1x3x3x40xf32>
  func.return %sign : tensor<1x3x3x40xf32>
}
