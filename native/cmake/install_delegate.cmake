# Installs the delegate for C and C++ applications: library, header, CMake package, pkg-config file.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(BNN_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/bnn_lab_delegate)

set_target_properties(bnn_lab_delegate PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0)
target_include_directories(bnn_lab_delegate INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
install(TARGETS bnn_lab_delegate EXPORT bnn_lab_delegateTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES include/bnn_lab_delegate.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT bnn_lab_delegateTargets NAMESPACE bnn_lab:: DESTINATION ${BNN_PACKAGE_DIR})

configure_package_config_file(cmake/bnn_lab_delegateConfig.cmake.in
  ${PROJECT_BINARY_DIR}/bnn_lab_delegateConfig.cmake INSTALL_DESTINATION ${BNN_PACKAGE_DIR})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/bnn_lab_delegateConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/bnn_lab_delegateConfig.cmake
  ${PROJECT_BINARY_DIR}/bnn_lab_delegateConfigVersion.cmake DESTINATION ${BNN_PACKAGE_DIR})

configure_file(cmake/bnn_lab_delegate.pc.in ${PROJECT_BINARY_DIR}/bnn_lab_delegate.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/bnn_lab_delegate.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
