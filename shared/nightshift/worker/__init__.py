"""From pull to acknowledgement: the pipeline that runs jobs."""
