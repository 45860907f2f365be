"""What services of other vendors connect to: OAuth 2 for services, OneRoster 1.2 rostering and gradebook."""
