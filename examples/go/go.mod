module zoomd.example/enqueue

go 1.19
