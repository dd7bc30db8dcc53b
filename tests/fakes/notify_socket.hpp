#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <system_error>

#include "io/fd.hpp"

namespace solicitd::test {

/// systemd's end of sd_notify: NOTIFY_SOCKET, in the abstract namespace, for as long as this lives.
class NotifySocket {
public:
    struct Message {
        std::string text;
        io::Fd fd;  ///< that it brought along
    };

    NotifySocket() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        const std::string name = "@solicitd-test-" + std::to_string(::getpid());
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path + 1, name.data() + 1, name.size() - 1);
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
        if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
            throw std::system_error(errno, std::generic_category(), "bind " + name);
        }
        ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    }
    ~NotifySocket() { ::unsetenv("NOTIFY_SOCKET"); }
    NotifySocket(const NotifySocket&) = delete;
    NotifySocket& operator=(const NotifySocket&) = delete;

    /// The next one. sd_notify() sends before it returns, so what is not here now was never sent.
    [[nodiscard]] std::optional<Message> hear() const {
        std::array<char, 1024> buffer{};
        iovec part{buffer.data(), buffer.size()};
        alignas(cmsghdr) std::array<char, 1024> control{};
        msghdr header{};
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        header.msg_control = control.data();
        header.msg_controllen = control.size();
        const ssize_t size = ::recvmsg(socket_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (size < 0) {
            return std::nullopt;
        }
        Message message{{buffer.data(), static_cast<std::size_t>(size)}, {}};
        for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr;
             item = CMSG_NXTHDR(&header, item)) {
            if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_RIGHTS) {
                EXPECT_EQ(item->cmsg_len, CMSG_LEN(sizeof(int))) << "one descriptor";
                int fd = -1;
                std::memcpy(&fd, CMSG_DATA(item), sizeof fd);
                message.fd = io::Fd(fd);
            }
        }
        return message;
    }

    /// Of the socket itself.
    [[nodiscard]] int fd() const { return socket_.get(); }

private:
    io::Fd socket_;
};

}  // namespace solicitd::test
