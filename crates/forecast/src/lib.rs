//! Forecasting models.
