//! Trader markets with a Grue tax: accounts, clearing, settlement, ledger.
