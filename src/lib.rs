//! zoomd: schedules Zoom meetings for other services.
