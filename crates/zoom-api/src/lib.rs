//! A client for Zoom's OAuth and Meetings REST API.
