// PASS: recognize_sign
// AFTER:       [[SHIFT:%[a-z0-9_]+]] = tfl.const() {-0.5} : tensor<f32>
// AFTER-NEXT:  %shifted = tfl.add(%x, [[SHIFT]])
// AFTER-NEXT:  %bits = lq.Quantize(%shifted)
// AFTER-NEXT:  lq.Dequantize(%bits)

func.func @main(%x: tensor<1x5x5x32xf32>) -> tensor<1x5x5x32xf32> {
  %0 = tfl.const() {0.5} : tensor<f32>
  %less = tfl.less(%x, %0) : tensor<1x5x5x32xi1>
  %1 = tfl.const() {-1} : tensor<f32>
  %2 = tfl.const() {1} : tensor<f32>
  %select_v2 = tfl.select_v2(%less, %1, %2) : tensor<1x5x5x32xf32>
  func.return %select_v2 : tensor<1x5x5x32xf32>
}
