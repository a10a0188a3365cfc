// PASS: explain_float_ops, refuses
// AFTER:       tfl.fully_connected(%x,

func.func @main(%x: tensor<1x40xf32>) -> tensor<1x7xf32> {
  %0 = tfl.const() {blob "normal"} : tensor<7x40xf32>
  %1 = tfl.no_value() : none
  %fully_connected = tfl.fully_connected(%x, %0, %1) : tensor<1x7xf32>
  func.return %fully_connected : tensor<1x7xf32>
}
