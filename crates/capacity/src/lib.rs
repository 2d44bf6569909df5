//! Capacity planning: when a resource runs out, with an interval and an honest validation.
