#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "core/time.hpp"

namespace solicitd {

/// What an item of a DueQueue carries: when it is due, and its place in the queue.
struct DueHook {
    static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);
    TimePoint due{};
    std::size_t place = kNowhere;
};

/// Items by the time they are due: a binary heap that knows where each item is, so that changing
/// or removing one costs log n and leaves nothing behind. Items derive from DueHook, stay the
/// caller's, keep their address while queued and are removed before they die.
template <typename Item>
class DueQueue {
public:
    [[nodiscard]] bool empty() const { return heap_.empty(); }
    [[nodiscard]] Item& top() const { return *heap_.front(); }
    void reserve(std::size_t items) { heap_.reserve(items); }

    /// Queues the item, or moves it to its new time.
    void set(Item& item, TimePoint due) {
        item.due = due;
        if (item.place == DueHook::kNowhere) {
            item.place = heap_.size();
            heap_.push_back(&item);
        }
        sift_down(sift_up(item.place));
    }

    /// Does nothing when it is not queued.
    void remove(Item& item) {
        const std::size_t hole = std::exchange(item.place, DueHook::kNowhere);
        if (hole == DueHook::kNowhere) {
            return;
        }
        Item* last = heap_.back();
        heap_.pop_back();
        if (last != &item) {
            put(hole, last);
            sift_down(sift_up(hole));
        }
    }

private:
    void put(std::size_t place, Item* item) {
        heap_[place] = item;
        item->place = place;
    }

    std::size_t sift_up(std::size_t place) {
        Item* item = heap_[place];
        while (place > 0 && item->due < heap_[(place - 1) / 2]->due) {
            put(place, heap_[(place - 1) / 2]);
            place = (place - 1) / 2;
        }
        put(place, item);
        return place;
    }

    void sift_down(std::size_t place) {
        Item* item = heap_[place];
        for (;;) {
            std::size_t child = 2 * place + 1;
            if (child + 1 < heap_.size() && heap_[child + 1]->due < heap_[child]->due) {
                ++child;
            }
            if (child >= heap_.size() || item->due <= heap_[child]->due) {
                break;
            }
            put(place, heap_[child]);
            place = child;
        }
        put(place, item);
    }

    std::vector<Item*> heap_;
};

}  // namespace solicitd
