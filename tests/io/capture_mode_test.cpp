#include "io/capture_mode.hpp"

#include <gtest/gtest.h>

namespace solicitd::io {
namespace {

TEST(KernelRelease, ReadsTheNumbersWhateverFollows) {
    const struct {
        const char* release;
        KernelVersion expected;
    } cases[] = {
        {"6.1.0-18-amd64", {6, 1}},     // Debian 12
        {"4.19.152-ui-qcom", {4, 19}},  // UniFi OS
        {"5.15.167.4-microsoft-standard-WSL2", {5, 15}},
        {"6.8.12-4-pve", {6, 8}},  // Proxmox
        {"6.16.0-rc1+", {6, 16}},
        {"6.16-rc1", {6, 16}},
        {"6.16", {6, 16}},
        {"7.0", {7, 0}},
        {"10.100", {10, 100}},
    };
    for (const auto& [release, expected] : cases) {
        EXPECT_EQ(parse_kernel_release(release), expected) << release;
    }
}

TEST(KernelRelease, RefusesWhatBeginsWithNoVersion) {
    for (const char* release : {"", "6", "6.", ".16", "v6.16", "-6.16", "6-16", "six.sixteen",
                                " 6.16", "99999999999999999999.1", "6.99999999999999999999"}) {
        EXPECT_EQ(parse_kernel_release(release), std::nullopt) << release;
    }
}

constexpr KernelVersion kOld{6, 15};
constexpr KernelVersion kNew{6, 16};

TEST(CaptureModeChoice, AutomaticIsAllmultiUnlessTheBridgeIgnoresIt) {
    constexpr auto automatic = CaptureMode::automatic;
    EXPECT_EQ(choose_capture_mode(automatic, kNew, true), CaptureMode::allmulti);
    EXPECT_EQ(choose_capture_mode(automatic, KernelVersion{7, 0}, true), CaptureMode::allmulti);
    EXPECT_EQ(choose_capture_mode(automatic, kOld, true), CaptureMode::mcast_router);
    EXPECT_EQ(choose_capture_mode(automatic, KernelVersion{4, 19}, true),
              CaptureMode::mcast_router);
    EXPECT_EQ(choose_capture_mode(automatic, kOld, false), CaptureMode::allmulti);
    EXPECT_EQ(choose_capture_mode(automatic, kNew, false), CaptureMode::allmulti);
}

TEST(CaptureModeChoice, AnUnknownKernelCountsAsOld) {
    EXPECT_EQ(choose_capture_mode(CaptureMode::automatic, std::nullopt, true),
              CaptureMode::mcast_router);
    EXPECT_EQ(choose_capture_mode(CaptureMode::automatic, std::nullopt, false),
              CaptureMode::allmulti);
}

TEST(CaptureModeChoice, McastRouterNeedsASnoopingBridge) {
    for (const auto& kernel : {kOld, kNew}) {
        EXPECT_EQ(choose_capture_mode(CaptureMode::mcast_router, kernel, true),
                  CaptureMode::mcast_router);
        EXPECT_EQ(choose_capture_mode(CaptureMode::mcast_router, kernel, false),
                  CaptureMode::allmulti);
    }
}

TEST(CaptureModeChoice, WhatIsAskedForIsDone) {
    for (const auto& kernel : {kOld, kNew}) {
        for (const bool snooping : {false, true}) {
            for (const auto wanted : {CaptureMode::allmulti, CaptureMode::promisc}) {
                EXPECT_EQ(choose_capture_mode(wanted, kernel, snooping), wanted);
            }
        }
    }
}

}  // namespace
}  // namespace solicitd::io
